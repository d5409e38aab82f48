// Generated from chat/protocol.py by `manage.py export_protocol`.

export const VISITOR_COMMANDS = Object.freeze({
  CANCEL_SUPPORT: "cancel_support",
  END_CHAT: "end_chat",
  FEEDBACK: "feedback",
  GET_USER_CHATS: "get_user_chats",
  LEAVE_CONTACT: "leave_contact",
  MESSAGE: "message",
  NEW_CHAT: "new_chat",
  PAGE: "page",
  RATE: "rate",
  REGISTER: "register",
  REQUEST_SUPPORT: "request_support",
  RESTORE_CHAT: "restore_chat",
  STOP: "stop",
  SWITCH_CHAT: "switch_chat",
  TYPING: "typing",
});

export const OPERATOR_COMMANDS = Object.freeze({
  CLOSE_CHAT: "close_chat",
  HAND_BACK: "hand_back",
  HANDLE_CONTACT: "handle_contact",
  JOIN_SUPPORT_CHAT: "join_support_chat",
  MESSAGE: "message",
  NOTE: "note",
  PRESENCE: "presence",
  TRANSFER: "transfer",
  TYPING: "typing",
  WATCH: "watch",
});

export const EVENTS = Object.freeze({
  REGISTERED: "registered",
  MESSAGE_SAVED: "message_saved",
  MESSAGE: "message",
  AI_TYPING: "ai_typing",
  AI_DELTA: "ai_delta",
  AI_RESPONSE: "ai_response",
  SUPPORT_PENDING: "support_pending",
  SUPPORT_JOINED: "support_joined",
  SUPPORT_LEFT: "support_left",
  OPERATOR_TYPING: "operator_typing",
  CHAT_RESTORED: "chat_restored",
  CHAT_SWITCHED: "chat_switched",
  USER_CHATS: "user_chats",
  RATED: "rated",
  FEEDBACK_SAVED: "feedback_saved",
  PING: "ping",
  ERROR: "error",
  BYE: "bye",
  QUEUE: "queue",
  NEW_SUPPORT_REQUEST: "new_support_request",
  NEW_CONTACT: "new_contact",
  SUPPORT_TAKEN: "support_taken",
  WATCHING: "watching",
  VISITOR_TYPING: "visitor_typing",
  NOTE: "note",
  PRESENCE: "presence",
});

export const MODE_AFTER = Object.freeze({
  waiting: "waiting",
  cancelled: "ai",
  joined: "operator",
  left: "ai",
  transferred: "operator",
  unanswered: "ai",
  closed: "closed",
});

export const MAX_TEXT = 4000;
export const PAGE_SIZE = 200;
